// Writes the man page, which npm installs with a global package. Its date is SOURCE_DATE_EPOCH's where a build is to be repeated.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { manPage } from "../dist/man-page.js";
import { version } from "../dist/version.js";

const { SOURCE_DATE_EPOCH } = process.env;
const now = SOURCE_DATE_EPOCH === undefined ? new Date() : new Date(1000 * Number(SOURCE_DATE_EPOCH));
const page = manPage({ version: version(), date: now.toISOString().slice(0, 10) });
writeFileSync(fileURLToPath(new URL("../dist/userpci.1", import.meta.url)), page);
