import { expect, test } from "vitest";
import { parseCli } from "./cli.ts";

test("everything after -- is the command, also words that look like options", () => {
  expect(parseCli(["run", "--device", "edu", "--", "node", "--json", "--", "x"])).toMatchObject({
    command: "run",
    argv: ["node", "--json", "--", "x"],
    boot: { devices: ["edu"] },
    json: false,
  });
});

test("options become boot and run options, seconds become milliseconds", () => {
  const words =
    "run --device edu --device nvme --kernel iommufd --user 65534 --memlock 4096 --timeout 1.5 --memory 1G --iommu none --hugepages 4 --json -- a";
  expect(parseCli(words.split(" "))).toMatchObject({
    boot: { devices: ["edu", "nvme"], kernel: "iommufd", memory: "1G", iommu: null, hugepages: 4 },
    run: { user: "65534", memlock: 4096, timeoutMs: 1500 },
    json: true,
  });
});

test("a kernel can be built without a run", () => {
  expect(parseCli(["provision", "--kernel", "iommufd"])).toMatchObject({
    command: "provision",
    kernel: "iommufd",
  });
  expect(parseCli(["provision"])).toMatchObject({ command: "provision", kernel: undefined });
});

test("--env takes a value or copies the caller's", () => {
  const request = parseCli(["run", "--env", "A=b=c", "--env", "HERE", "--", "x"], { HERE: "yes" });
  expect(request).toMatchObject({ run: { env: { A: "b=c", HERE: "yes" } } });
  expect(() => parseCli(["run", "--env", "MISSING", "--", "x"], {})).toThrow(/no such variable/);
});

test("mistakes are named", () => {
  const wrong: [string, RegExp][] = [
    ["", /no command/],
    ["fly", /unknown command "fly"/],
    ["run", /nothing to run/],
    ["run --devise edu -- x", /--devise/],
    ["run --timeout soon -- x", /--timeout takes a number/],
    ["run --kernel mine -- x", /--kernel takes iommufd, not "mine"/],
    ["provision --kernel mine", /--kernel takes iommufd/],
  ];
  for (const [text, message] of wrong) {
    const words = text.split(" ").filter(Boolean);
    expect(() => parseCli(words)).toThrow(message);
    expect(() => parseCli(words)).toThrow(expect.objectContaining({ code: "ERR_TESTBED_ARGUMENT" }));
  }
});

test("help lists every named device", () => {
  const request = parseCli(["--help"]);
  expect(request.command === "help" && request.text).toMatch(
    /edu .*1234:11e8[\s\S]*nvme[\s\S]*igb[\s\S]*e1000e/,
  );
});
