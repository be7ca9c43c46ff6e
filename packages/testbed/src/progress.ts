/** One line of progress, for people. */
export type OnProgress = (line: string) => void;

/** Runs one stage of work; says that it starts and, where it took over a second, how long it took. */
export async function stage<T>(
  onProgress: OnProgress | undefined,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  onProgress?.(name);
  const start = performance.now();
  const result = await work();
  const seconds = (performance.now() - start) / 1000;
  if (seconds > 1) onProgress?.(`${name}: done in ${seconds.toFixed(1)} s`);
  return result;
}

/** A progress function that writes lines to standard error. */
export function progressToStderr(line: string): void {
  process.stderr.write(`testbed: ${line}\n`);
}
