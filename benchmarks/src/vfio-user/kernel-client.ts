// `client.ts` through a BAR of the kernel's: `node kernel-client.js ACCESS` does a round for each byte on its standard input.
import { kernelBar } from "../kernel-bar.ts";
import { SharedPage } from "../shared-page.ts";
import type { MappedAccess } from "./ends.ts";
import { mappedRounds } from "./mapped.ts";
import { answerRounds } from "./rounds.ts";

using page = new SharedPage();
const access = process.argv[2] as MappedAccess;
await answerRounds(mappedRounds[access](kernelBar(page)));
