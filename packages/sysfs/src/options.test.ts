import { PciError } from "@userpci/interface";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PciAddress } from "./address.ts";
import { bind } from "./bind.ts";
import { ConfigFile } from "./config-file.ts";
import { findFunction, findFunctions, listFunctions } from "./find.ts";
import { readDriverOverride } from "./function.ts";
import { listGroups, readGroup } from "./group.ts";
import { findHolders, findHoldersSync } from "./holders.ts";
import { deviceNodes } from "./nodes.ts";
import { NIC, shareFakeSystem } from "./testing/fake-system.ts";
import { unbind } from "./unbind.ts";
import { findUser } from "./user.ts";

const system = shareFakeSystem();

/** What a caller without types can pass anywhere. */
const wrong = (value: unknown) => value as never;

const refusal = (message: string | RegExp, code = "ERR_INVALID_ARGUMENT") =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(message),
    hint: expect.stringMatching(/./),
  });

/** What a call throws, or rejects with. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return expect.unreachable("it did not fail");
}

const waitOptions: readonly [option: object, message: string, code?: string][] = [
  [{ timeoutMs: Number.NaN }, "^timeoutMs must be an integer, not NaN"],
  [{ timeoutMs: "abc" }, '^timeoutMs must be an integer, not "abc"'],
  [{ timeoutMs: null }, "^timeoutMs must be an integer, not null"],
  [{ timeoutMs: -1 }, "^timeoutMs is -1, outside 0 to", "ERR_OUT_OF_RANGE"],
  [{ timeoutMs: 2 ** 31 }, "^timeoutMs is 2147483648, outside 0 to", "ERR_OUT_OF_RANGE"],
  [{ reportMs: Number.NaN }, "^reportMs must be an integer, not NaN"],
  [{ reportMs: "abc" }, '^reportMs must be an integer, not "abc"'],
  [{ reportMs: 0 }, "^reportMs is 0, outside 1 to", "ERR_OUT_OF_RANGE"],
  [{ signal: {} }, "^signal must be an AbortSignal, not an object"],
  [{ signal: "abc" }, '^signal must be an AbortSignal, not "abc"'],
  [{ signal: 5 }, "^signal must be an AbortSignal, not 5"],
  [{ signal: null }, "^signal must be an AbortSignal, not null"],
  [{ signal: new AbortController() }, "^signal must be an AbortSignal, not an object"],
  [{ onProgress: "x" }, '^onProgress must be a function, not "x"'],
  [{ root: 5 }, "^root must be a string, not 5"],
];

const users: readonly [user: unknown, message: string, code?: string][] = [
  [1.5, "^user must be an integer, not 1.5"],
  [Number.NaN, "^user must be an integer, not NaN"],
  [-1, "^user is -1, outside 0 to 4294967294", "ERR_OUT_OF_RANGE"],
  [null, "^user must be a name or a uid, not null"],
  [true, "^user must be a name or a uid, not true"],
  [["alice"], "^user must be a name or a uid, not an array"],
];

describe.each([
  ["bind", bind],
  ["unbind", unbind],
])("%s refuses, before it begins,", (_name, call) => {
  beforeAll(() => system().bind(NIC));
  afterAll(() => system().unbind(NIC));

  it.each(waitOptions)("%o", async (option, message, code) => {
    const options = { root: system().root, ...option };
    expect(await thrownBy(() => call(NIC, options))).toEqual(refusal(message, code));
    expect(system().driverOf(NIC)).toBe("vfio-pci");
  });

  it.each([
    [null, "^options must be an object, not null"],
    ["abc", '^options must be an object, not "abc"'],
    [[], "^options must be an object, not an array"],
  ])("%o as options", async (options, message) => {
    expect(await thrownBy(() => call(NIC, wrong(options)))).toEqual(refusal(message));
  });

  it.each([
    [5, "^address must be a string, not 5"],
    [5n, "^address must be a string, not 5n"],
    [[NIC], "^address must be a string, not an array"],
    [undefined, "^address must be a string, not undefined"],
  ])("%o as address", async (address, message) => {
    expect(await thrownBy(() => call(wrong(address), { root: system().root }))).toEqual(refusal(message));
  });
});

it.each(users)("bind refuses %o as user, and so does findUser", async (user, message, code) => {
  const { root } = system();
  expect(await thrownBy(() => bind(NIC, { root, user: wrong(user) }))).toEqual(refusal(message, code));
  expect(await thrownBy(() => findUser(wrong(user), { root }))).toEqual(refusal(message, code));
  expect(system().driverOf(NIC)).toBe("e1000e");
});

it("options that are undefined are left out", async () => {
  const options = { timeoutMs: undefined, reportMs: undefined, signal: undefined, onProgress: undefined };
  expect(await system().bind(NIC, wrong({ ...options, user: undefined }))).toMatchObject({ changed: true });
  expect(await system().unbind(NIC, wrong(options))).toMatchObject({ changed: true });
});

describe("a filter", () => {
  it.each([
    [null, "^filter must be an object, not null"],
    [5, "^filter must be an object, not 5"],
    ["1234:11e8", "^filter must be an object"],
    [undefined, "^filter must be an object, not undefined"],
    [{ id: 5 }, "^id must be a string, not 5"],
    [{ id: ["1234:11e8"] }, "^id must be a string, not an array"],
    [{ class: 2 }, "^class must be a string, not 2"],
    [{ driver: 5 }, "^driver must be a string, not 5"],
    [{ group: "1" }, '^group must be an integer, not "1"'],
    [{ group: 1.5 }, "^group must be an integer, not 1.5"],
  ])("%o is refused", async (filter, message) => {
    expect(await thrownBy(() => findFunctions(wrong(filter), system()))).toEqual(refusal(message));
  });

  it("with undefined in it is as without", () => {
    const open = { id: undefined, class: undefined, driver: undefined, group: undefined };
    expect(findFunctions(wrong(open), system())).toEqual(listFunctions(system()));
  });
});

describe("what only reads", () => {
  it("refuses a number that is no group's", async () => {
    expect(await thrownBy(() => readGroup(wrong("6"), system()))).toEqual(
      refusal('^group must be an integer, not "6"'),
    );
    expect(await thrownBy(() => readGroup(-1, system()))).toEqual(
      refusal("^group is -1", "ERR_OUT_OF_RANGE"),
    );
  });

  it.each([[5], [[NIC]], [null]])("refuses %o as address", async (address) => {
    const { root } = system();
    for (const call of [
      () => findFunction(wrong(address), { root }),
      () => readDriverOverride(wrong(address), { root }),
      () => new ConfigFile(wrong(address), { root }),
      () => PciAddress.parse(wrong(address)),
    ])
      expect(await thrownBy(call)).toEqual(refusal("^address must be a string, not "));
    expect(PciAddress.tryParse(wrong(address))).toBeNull();
  });

  it("looks for an override at an address, and nowhere else", async () => {
    expect(await thrownBy(() => readDriverOverride("../devices/0000:01:00.0", system()))).toEqual(
      refusal("is not a PCI address"),
    );
    expect(await readDriverOverride("1:0.0", system())).toBeNull();
  });

  it.each([["/dev/vfio/6"], [5], [null], [[5]]])(
    "refuses %o as the paths to find holders of",
    async (paths) => {
      for (const call of [findHolders, findHoldersSync])
        expect(await thrownBy(() => call(wrong(paths), system()))).toEqual(
          refusal("^paths must be an array of strings"),
        );
    },
  );

  const fn = () => findFunction(NIC, system());
  it.each<[string, (options: never) => unknown]>([
    ["listFunctions", (options) => listFunctions(options)],
    ["findFunctions", (options) => findFunctions({}, options)],
    ["findFunction", (options) => findFunction(NIC, options)],
    ["readDriverOverride", (options) => readDriverOverride(NIC, options)],
    ["listGroups", (options) => listGroups(options)],
    ["readGroup", (options) => readGroup(6, options)],
    ["findHolders", (options) => findHolders([], options)],
    ["findHoldersSync", (options) => findHoldersSync([], options)],
    ["deviceNodes", (options) => deviceNodes(fn(), options)],
    ["findUser", (options) => findUser("root", options)],
    ["ConfigFile", (options) => new ConfigFile(NIC, options)],
  ])("%s refuses options that are none", async (_name, call) => {
    expect(await thrownBy(() => call(wrong({ root: 5 })))).toEqual(refusal("^root must be a string, not 5"));
    for (const options of [null, 5, "/"])
      expect(await thrownBy(() => call(wrong(options)))).toEqual(refusal("^options must be an object, not "));
  });

  it("refuses a writable that is no boolean", async () => {
    const call = () => new ConfigFile(NIC, { root: system().root, writable: wrong("false") });
    const error = await thrownBy(call);
    expect(error).toBeInstanceOf(PciError);
    expect(error).toEqual(refusal('^writable must be a boolean, not "false"'));
  });
});
