/** Diagnoses one set-up after the other in one process, which takes a second to start in the guest: `node ask.js STEPS`. */
import { execFileSync } from "node:child_process";
import { type Diagnosis, diagnose } from "@userpci/sysfs/doctor";
import { writeSnapshot } from "@userpci/sysfs/snapshot";

/** A set-up. */
export interface Step {
  readonly name: string;
  /** A shell script that makes it, and one that takes it back. */
  readonly before?: string;
  readonly after?: string;
  readonly address?: string;
  readonly need?: number;
  /** Where to put a snapshot of the machine in this set-up. */
  readonly snapshot?: string;
}

const shell = (script: string | undefined): void => {
  if (script !== undefined)
    execFileSync("/bin/sh", ["-ec", script], { stdio: ["ignore", "ignore", "inherit"] });
};

async function answer({ before, after, address, need, snapshot }: Step): Promise<Diagnosis> {
  shell(before);
  try {
    if (snapshot !== undefined) await writeSnapshot(snapshot, { redact: true });
    return await diagnose({ ...(address !== undefined && { address }), ...(need !== undefined && { need }) });
  } finally {
    shell(after);
  }
}

const answers: Record<string, Diagnosis> = {};
for (const step of JSON.parse(process.argv[2]!) as Step[]) answers[step.name] = await answer(step);
console.log(JSON.stringify(answers));
