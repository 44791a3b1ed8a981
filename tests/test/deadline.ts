// Gives a test a time limit of its own: uvu has none, and a test that hangs would hang the run.

export function deadline<T>(
  ms: number,
  run: (context: T) => Promise<void>,
): (context: T) => Promise<void> {
  return async (context: T): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not finished within ${ms} ms`)), ms);
    });
    try {
      await Promise.race([run(context), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}
