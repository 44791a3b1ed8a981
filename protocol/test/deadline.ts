// Wraps an async test so that it fails with its name instead of hanging the whole run.

export function deadline(ms: number, test: () => Promise<void>): () => Promise<void> {
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not finished within ${ms} ms`)), ms);
    });
    try {
      await Promise.race([test(), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}
