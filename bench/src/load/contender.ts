// The one thing that both stores must be able to do for a comparison.

export interface Contender {
  put(key: string, value: Buffer): Promise<unknown>;
  /** The bytes of the value; null or undefined when the key is absent. */
  get(key: string): Promise<Uint8Array | null | undefined>;
  close(): Promise<void>;
}

export type ContenderSpec =
  | { readonly kind: 'piton'; readonly metaAddress: string; readonly reads?: 'any' | 'tail' }
  | { readonly kind: 'redis'; readonly ports: readonly number[] };
