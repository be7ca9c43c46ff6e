import { Failures } from "@userpci/interface";

/**
 * Runs `act`, and then `end` whatever became of it.
 *
 * @param what beginning of the message if both fail
 * @throws what `act` throws; what `end` throws; if both fail, a PciError with the code of the first and both as its cause
 */
export async function always<T>(act: () => Promise<T>, end: () => Promise<void>, what: string): Promise<T> {
  const failures = new Failures();
  let result: T | undefined;
  await failures.tryAsync(async () => {
    result = await act();
  });
  await failures.tryAsync(end);
  failures.throwIfAny(what);
  return result as T;
}
