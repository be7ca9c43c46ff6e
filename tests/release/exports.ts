import { writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/**
 * The names that each entry point exports, types with the word `type` before them, as its declarations have them.
 *
 * @param folder project in whose node_modules the entry points are looked up
 * @param specifiers what a program would import
 */
export function exportedNames(folder: string, specifiers: readonly string[]): Map<string, string[]> {
  const probe = join(folder, "probe.mts");
  writeFileSync(probe, specifiers.map((specifier) => `import "${specifier}";\n`).join(""));
  const program = ts.createProgram([probe], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(probe)!;
  const imports = source.statements.filter(ts.isImportDeclaration);
  return new Map(
    imports.map(({ moduleSpecifier }) => {
      const specifier = (moduleSpecifier as ts.StringLiteral).text;
      const module = checker.getSymbolAtLocation(moduleSpecifier);
      if (module === undefined) throw new Error(`${specifier} has no declarations`);
      return [specifier, checker.getExportsOfModule(module).map((symbol) => spelling(checker, symbol))];
    }),
  );
}

function spelling(checker: ts.TypeChecker, symbol: ts.Symbol): string {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const declared = symbol.declarations?.some(ts.isTypeOnlyExportDeclaration) ?? false;
  const typeOnly = declared || (target.flags & ts.SymbolFlags.Value) === 0;
  return typeOnly ? `type ${symbol.name}` : symbol.name;
}
