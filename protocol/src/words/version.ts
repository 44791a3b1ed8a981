// Which protocol this code speaks, and how old a peer may be.
//
// A change of any message description needs a new number here: the compatibility test pins a hash
// of all descriptions beside it. Code asks whether a peer has a feature, never for its number.

/** History. 1: first protocol. */
export const PROTOCOL_VERSION: number = 1;

/** Oldest version still served. 1: nothing older exists. */
export const PROTOCOL_VERSION_OLDEST: number = 1;

/** First bytes of a handshake, so that a stray HTTP or Redis client is recognised at once. */
export const PROTOCOL_NAME: string = 'piton';
