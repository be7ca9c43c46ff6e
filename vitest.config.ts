import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Projects run in this order, from fast to slow: `unit` beside the sources, `native` needs the addon or child
// processes, `processes` starts many, `lspci` compares our text with the real one's, `vm` boots a kernel, `soak` repeats (a
// two-hundredth of it unless USERPCI_SOAK=full), `release` installs the packed packages. The last three are mixed, so that no
// processor waits for the longest file of each; files that run side by side have machines of their own.
// A machine has 2 GiB and a processor.
const mostVmFiles = Math.min(4, availableParallelism() + 1);
// What mostly waits for Node processes to start, or puts a module in place of one of Node.
const startsProcesses = [
  "tests/native/{allocation,one-access,shared-elements}/**/*.test.ts",
  "tests/native/{ended-wait,late-use}.test.ts",
  "packages/vfio-native/src/native.{build,descriptor,fault,hold,ledger,moved,retire,watch}.test.ts",
  "packages/vfio-native/src/{eventfd-lease,file-memory,map-shared-memory}.test.ts",
  "packages/sysfs/src/{link-gone,lock}.test.ts",
  "packages/vfio-native/src/native.test.ts",
  "packages/cli/src/{code-cache,demo,main,tools,output,standard-input,watching}.test.ts",
  "packages/testbed/src/{job,local-vm,vitest}.test.ts",
  "packages/testbed/src/guest/scripts.test.ts",
  "tests/emulated/{example,no-addon,readmes}.test.ts",
  "packages/vfio-user/src/client/client.test.ts",
  "tests/vfio-user/*.test.ts",
  "tests/trace/command.test.ts",
  "tests/conformance/vfio-user.test.ts",
];
// What of the backends works without the addon.
const withoutAddon = [
  "capability-chain",
  "errno",
  "explain",
  "huge-pages",
  "irq-control",
  "joined-region",
  "mapped-region",
  "memlock",
  "msix-table",
  "page-span",
  "share-message",
  "struct",
  "struct-record",
  "users",
  "vf-token",
].map((name) => `packages/vfio-native/src/${name}.test.ts`);
const soakHours = 12 * 3_600_000;

export default defineConfig({
  // Sources use `using`; Node 20 needs it lowered.
  oxc: { target: "node20" },
  test: {
    // By default one processor is left to the watcher, and nobody watches.
    maxWorkers: "100%",
    // What is polled for comes soon, but on a busy machine not within the second that is the default.
    expect: { poll: { timeout: 30_000, interval: 20 } },
    // Files that have not changed are not compiled again.
    experimental: { fsModuleCache: true },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "packages/!(vfio-native)/src/**/*.test.ts",
            ...withoutAddon,
            "packages/*/scripts/*.test.mjs",
            "benchmarks/src/**/*.test.ts",
            "scripts/**/*.test.mjs",
            "tests/fuzz/findings.test.ts",
            "tests/browser/*.test.ts",
            "tests/conformance/*.test.ts",
            "tests/trace/*.test.ts",
            "tests/doctor/*.test.ts",
            "tests/emulated/*.test.ts",
            "examples/test/*.test.ts",
          ],
          // Long enough for a property on a busy machine: these take milliseconds on an idle one.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // A process of its own for each file takes as long as most files; only those of the addon need one.
          isolate: false,
          exclude: [
            ...startsProcesses,
            "packages/vfio-user/src/client/**",
            "tests/conformance/vfio-user.test.ts",
          ],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "native",
          include: [
            "packages/{vfio-native/src,vfio-user/src/client}/**/*.test.ts",
            "tests/native/**/*.test.ts",
            "tests/vfio-user/**/*.test.ts",
            "tests/conformance/vfio-user.test.ts",
          ],
          exclude: [...startsProcesses, ...withoutAddon],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "processes",
          include: ["tests/{binding,commands}/*.test.ts", ...startsProcesses],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "lspci",
          include: ["tests/lspci/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "vm",
          globalSetup: ["tests/vm/setup.ts"],
          setupFiles: ["tests/vm/report.ts"],
          include: ["packages/*/vm/**/*.test.ts", "tests/vm/**/*.test.ts", "tests/lspci/vm/**/*.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 300_000,
          maxWorkers: mostVmFiles,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: "soak",
          globalSetup: ["tests/vm/setup.ts"],
          setupFiles: ["tests/vm/report.ts"],
          include: ["tests/soak/**/*.test.ts", "tests/fuzz/campaign.test.ts"],
          testTimeout: process.env["USERPCI_SOAK"] === "full" ? soakHours : 300_000,
          hookTimeout: 300_000,
          maxWorkers: mostVmFiles,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: "release",
          include: ["tests/release/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: mostVmFiles,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
