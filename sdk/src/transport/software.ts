// What this client calls itself in a handshake, for the operator.

export const SOFTWARE: string = `@piton/sdk 0.1.0 (node ${process.versions.node})`;
