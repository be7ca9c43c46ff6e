// Collects the corpus: boots each machine, and writes what `lspci -D -xxxx` prints there, as root, into corpus/.
//
//   node tests/lspci/collect.mjs [MACHINE...]
import { writeFile } from "node:fs/promises";
import { boot, progressToStderr, provisionPciutils } from "@userpci/testbed";
import { machines } from "./machines.mjs";
import { shorten } from "./sparse.mjs";

const { lspci, version } = await provisionPciutils(progressToStderr);
const wanted = process.argv.slice(2);

for (const [name, { prepare = "true", ...options }] of Object.entries(machines)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(name);
  const vm = await boot(options);
  try {
    await vm.run(["sh", "-c", `modprobe -a igb nvme e1000e; ${prepare}`]);
    const { stdout } = await vm.run([...lspci, "-D", "-xxxx"], { check: true });
    const about = `# The machine "${name}" of machines.mjs, printed by lspci ${version}. Rows of zeros are left out.\n\n`;
    await writeFile(new URL(`corpus/${name}.txt`, import.meta.url), about + shorten(stdout));
    console.log(`  ${stdout.match(/^[0-9a-f]{4}:/gm)?.length} functions`);
  } finally {
    await vm.close();
  }
}
