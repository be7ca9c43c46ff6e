/**
 * What the benchmarks have that these tests need too.
 *
 * @packageDocumentation
 */
import type { DeviceModel } from "@userpci/device-model";

const built = new URL("../../benchmarks/dist/", import.meta.url);

function load<T>(file: string): Promise<T> {
  return import(new URL(file, built).href) as Promise<T>;
}

/** Compiles a program of `benchmarks/c` if need be. @returns where it is */
export const { compileProgram } = await load<{ compileProgram(name: string): string }>("programs.js");

/** The device of the server in C, as a model. */
export const { peer } = await load<{ peer(mappable?: boolean): DeviceModel }>("vfio-user/model.js");
