import type { HostedFunction } from "@userpci/device-model";
import { PciError } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { structures } from "../protocol/index.ts";
import { MigrationControl } from "./migration-control.ts";

const { ERROR, STOP, RUNNING, STOP_COPY, RESUMING, PRE_COPY } = structures.migrationStates;

/** A function with a state of five bytes, that notes what it is told. */
function controlOf(most = 100) {
  const told: string[] = [];
  const fn = {
    migration: {
      stop: () => told.push("stop"),
      run: () => told.push("run"),
      save: () => Uint8Array.of(1, 2, 3, 4, 5),
      size: () => 6,
      load(state: Uint8Array) {
        told.push(`load ${state.join()}`);
        if (state[0] !== 1) throw new PciError("ERR_PROTOCOL", "no state of this model");
      },
    },
  };
  return { told, control: new MigrationControl(fn as unknown as HostedFunction, most) };
}

describe("MigrationControl", () => {
  it("saves: stops, gives the state piece by piece, and goes on", () => {
    const { told, control } = controlOf();
    control.go(STOP_COPY);
    expect([control.state, control.size]).toEqual([STOP_COPY, 5]);
    expect([control.read(3), control.read(3), control.read(3)].map((bytes) => [...bytes])).toEqual([
      [1, 2, 3],
      [4, 5],
      [],
    ]);
    control.go(RUNNING);
    expect(told).toEqual(["stop", "run"]);
  });

  it("loads: stops, takes the state piece by piece, and goes on from it", () => {
    const { told, control } = controlOf();
    control.go(RESUMING);
    const piece = Uint8Array.of(1, 2);
    control.write(piece);
    piece.fill(9);
    control.write(Uint8Array.of(3));
    control.go(RUNNING);
    expect(told).toEqual(["stop", "load 1,2,3", "run"]);
  });

  it("tells how much there will be to read, and how much is left", () => {
    const { control } = controlOf();
    const sizeIn = (state: number) => {
      control.go(state);
      return control.size;
    };
    expect([RUNNING, STOP, STOP_COPY].map(sizeIn)).toEqual([6, 6, 5]);
    control.read(3);
    expect([control.size, sizeIn(STOP), sizeIn(RESUMING)]).toEqual([2, 6, 0]);
  });

  it("is in error after a state that cannot be loaded, until a reset", () => {
    const { told, control } = controlOf();
    control.go(RESUMING);
    expect(() => control.go(STOP)).toThrow(expect.objectContaining({ code: "ERR_PROTOCOL" }));
    expect(control.state).toBe(ERROR);
    expect(() => control.go(RUNNING)).toThrow(expect.objectContaining({ code: "EINVAL" }));
    control.deviceReset();
    expect(control.state).toBe(RUNNING);
    expect(told.at(-1)).toBe("run");
  });

  it("refuses what a state does not do, and states that it does not have", () => {
    const { control } = controlOf(3);
    const invalid = expect.objectContaining({ code: "EINVAL" });
    expect(() => control.read(1)).toThrow(invalid);
    expect(() => control.write(Uint8Array.of(1))).toThrow(invalid);
    for (const state of [ERROR, PRE_COPY, 77]) expect(() => control.go(state)).toThrow(invalid);
    control.go(RESUMING);
    expect(() => control.read(1)).toThrow(invalid);
    control.write(Uint8Array.of(1, 2, 3));
    expect(() => control.write(Uint8Array.of(4))).toThrow(expect.objectContaining({ code: "E2BIG" }));
  });

  it("is not there for a model that cannot save", () => {
    const control = new MigrationControl({ migration: undefined } as unknown as HostedFunction, 1);
    expect(control.supported).toBe(false);
    expect(() => control.go(STOP)).toThrow(expect.objectContaining({ code: "ENOTTY" }));
  });
});
