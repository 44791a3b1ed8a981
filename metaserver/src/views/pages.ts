// Pages of a long list as JSON: cut by count and by characters, so that a page fits one message
// whatever the keys in it look like.

export const ITEMS_PAGE_MAX: number = 1_000;
/** Below the bound of a message (900,000 characters), with room for what stands around the list. */
const PAGE_CHARS_MAX = 800_000;

export interface Page {
  /** Each is JSON. */
  readonly items: readonly string[];
  /** Where the next page starts; undefined on the last. */
  readonly next: number | undefined;
}

/** The page of `all` that starts at `offset`. Only what is on the page is turned to JSON. */
export function pageOf<T>(
  all: readonly T[],
  offset: number,
  limit: number,
  toView: (item: T) => unknown,
): Page {
  const items: string[] = [];
  let chars = 0;
  const end = Math.min(all.length, offset + Math.min(limit, ITEMS_PAGE_MAX));
  for (let position = offset; position < end; position++) {
    const json = JSON.stringify(toView(all[position] as T));
    chars += json.length + 1;
    if (chars > PAGE_CHARS_MAX && items.length > 0) break;
    items.push(json);
  }
  const next = offset + items.length;
  return { items, next: next < all.length ? next : undefined };
}
