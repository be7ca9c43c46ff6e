/** The edu driver: a factorial by interrupt, and one by polling. `node dist/factorial.js 0000:00:04.0 10` */
import { DMA_BITS, Edu } from "@userpci/edu";
import { isPciError, openDevice } from "userpci";

const [address = "0000:00:04.0", n = "10"] = process.argv.slice(2);

try {
  await using device = await openDevice(address, { dmaBits: DMA_BITS });
  using edu = Edu.attach(device);
  console.log(`${address} is edu ${edu.version.major}.${edu.version.minor}, alive: ${edu.isAlive()}`);

  console.log(`${n}! = ${await edu.factorial(Number(n))} by polling`);
  using interrupts = device.irqs.enable("msi");
  edu.useInterrupts(interrupts.at(0));
  console.log(`${n}! = ${await edu.factorial(Number(n))} by interrupt`);
} catch (error) {
  if (!isPciError(error)) throw error;
  console.error(`${error.code}: ${error.message}${error.hint ? `\nfix: ${error.hint}` : ""}`);
  process.exitCode = 1;
}
