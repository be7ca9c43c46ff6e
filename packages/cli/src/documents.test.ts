import { expect, it } from "vitest";
import { errorDocument } from "./testing/error-document.ts";
import { jsonDocument } from "./testing/json-document.ts";

// Written anew with `npx vitest run --project unit packages/cli/src/documents -u`.
it.each([
  ["errors.md", errorDocument],
  ["json.md", jsonDocument],
])("docs/%s is what the catalogue and the schemas say", async (file, document) => {
  await expect(document()).toMatchFileSnapshot(`../../../docs/${file}`);
});
