import { defineConfig } from "vitest/config";

// Four projects, from fast to slow: `unit` beside the sources, `native` needs the addon and child processes,
// `vm` boots a kernel. Anything that shares hardware runs one file at a time.
const serial = { fileParallelism: false, sequence: { groupOrder: 2 } };

export default defineConfig({
  // Sources use `using`; Node 20 needs it lowered.
  oxc: { target: "node20" },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "scripts/**/*.test.ts"],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "native",
          include: ["tests/native/**/*.test.ts"],
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "vm",
          globalSetup: ["tests/vm/setup.ts"],
          include: ["packages/*/vm/**/*.test.ts", "tests/vm/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          ...serial,
        },
      },
    ],
  },
});
