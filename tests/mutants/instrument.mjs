// Writes the core once more with each of its checks as a call of mutant.hpp, so that it can be made to go wrong at run time.
//
// A check is what decides: the condition of an `if`, `while`, `for` or `?:`, what a bool is initialised with or a function
// returns as one; where such a condition is put together with `&&`, `||` and `!`, each part of it. Removed, a part is as if it
// were not there: true beside `&&`, false beside `||`; what stands alone is false, so that the branch is not taken.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The package is CommonJS, and its file of names is not what Node makes of it.
const { Parser, Language } = createRequire(import.meta.url)("@vscode/tree-sitter-wasm");

async function parser() {
  await Parser.init();
  const cpp = createRequire(import.meta.url).resolve("@vscode/tree-sitter-wasm/wasm/tree-sitter-cpp.wasm");
  const made = new Parser();
  made.setLanguage(await Language.load(readFileSync(cpp)));
  return made;
}

const MOST = 4096; // as in mutant.hpp
const COMPARISONS = new Set(["==", "!=", "<", ">", "<=", ">="]);
const operator = (node) => node.childForFieldName("operator")?.type;

// Where a constant is needed, or none of our code stands.
const SKIPPED = new Set(["preproc_include", "preproc_def", "preproc_function_def", "static_assert_declaration", "template_argument_list", "comment"]);

/** The checks of a source text: { begin, end, without, pointer, name }, in order of `begin`. */
export function checksOf(parser, text) {
  const checks = [];
  const add = (node, without, pointer = false) => {
    checks.push({ begin: node.startIndex, end: node.endIndex, without, pointer, within: functionOf(node), text: node.text.replace(/\s+/g, " ") });
  };

  // An expression that is used as a truth value; `without` is what it is where nobody checks.
  const truth = (node, without) => {
    if (node.type === "parenthesized_expression" && node.namedChildCount === 1) return truth(node.namedChild(0), without);
    if (node.type === "unary_expression" && operator(node) === "!") return truth(node.childForFieldName("argument"), !without);
    if (node.type === "binary_expression" && (operator(node) === "&&" || operator(node) === "||")) {
      for (const side of ["left", "right"]) truth(node.childForFieldName(side), operator(node) === "&&");
      return;
    }
    if (node.type !== "true" && node.type !== "false") add(node, without);
    inside(node);
  };

  const inside = (node) => {
    for (const child of node.namedChildren) visit(child);
  };

  const visit = (node) => {
    if (SKIPPED.has(node.type)) return;
    const condition = node.childForFieldName("condition");
    switch (node.type) {
      case "if_statement":
        if (/^if\s+constexpr\b/.test(node.text)) {
          for (const child of node.namedChildren) if (child.id !== condition.id) visit(child);
          return;
        }
        break;
      case "condition_clause": {
        const initializer = node.childForFieldName("initializer");
        const value = node.childForFieldName("value");
        if (initializer) visit(initializer);
        if (value.type === "declaration") {
          const made = value.descendantsOfType("init_declarator")[0]?.childForFieldName("value") ?? value.childForFieldName("value");
          if (made && /\*/.test(value.text.slice(0, value.text.indexOf("=")))) add(made, false, true);
          visit(made ?? value);
          return;
        }
        return node.parent.type === "switch_statement" ? visit(value) : truth(value, false);
      }
      case "for_statement":
      case "do_statement":
      case "conditional_expression":
        for (const child of node.namedChildren) {
          if (child.id === condition?.id) truth(child, false);
          else visit(child);
        }
        return;
      case "declaration":
        if (node.childForFieldName("type")?.text === "bool" && !/\bconstexpr\b/.test(node.text)) {
          for (const made of node.descendantsOfType("init_declarator")) {
            const value = made.childForFieldName("value");
            if (value && !/_list$/.test(value.type)) truth(value, false);
          }
          return;
        }
        break;
      case "return_statement":
        if (returnsTruth(node) && node.namedChildCount === 1 && !/^(comma_expression|initializer_list)$/.test(node.namedChild(0).type)) {
          return truth(node.namedChild(0), false);
        }
        break;
      case "binary_expression":
        if (operator(node) === "&&" || operator(node) === "||" || COMPARISONS.has(operator(node))) return truth(node, false);
        break;
      default:
    }
    inside(node);
  };
  visit(parser.parse(text).rootNode);
  return checks.sort((a, b) => a.begin - b.begin || b.end - a.end);
}

const enclosing = (node, types) => {
  let at = node.parent;
  while (at && !types.includes(at.type)) at = at.parent;
  return at;
};

/** The name of the function around a node, as it is written. */
function functionOf(node) {
  const found = enclosing(node, ["function_definition"]);
  if (!found) return "";
  let declarator = found.childForFieldName("declarator");
  while (declarator?.childForFieldName("declarator")) declarator = declarator.childForFieldName("declarator");
  return declarator?.text ?? "";
}

/** Does the function around a `return` give a bool? Of a lambda nobody knows. */
function returnsTruth(node) {
  const found = enclosing(node, ["function_definition", "lambda_expression"]);
  return found?.type === "function_definition" && found.childForFieldName("type")?.text === "bool";
}

/**
 * The sources once more, with their checks numbered through.
 *
 * @param sources a list of { name, text }
 * @returns { sources, checks }: each check has `file`, `line`, and a name that does not change with lines elsewhere
 */
export async function instrument(sources) {
  const made = await parser();
  const checks = [];
  const names = new Map();
  const written = sources.map(({ name: file, text }) => {
    const here = checksOf(made, text);
    const insertions = []; // [where, what]: those of the outer before those of the inner at the same place
    for (const { begin, end, without, pointer, within, text: source } of here) {
      const number = checks.length;
      const plain = `${file} ${within}: ${source}`;
      const count = (names.get(plain) ?? 0) + 1;
      names.set(plain, count);
      const line = text.slice(0, begin).split("\n").length;
      checks.push({ file, line, name: count > 1 ? `${plain} (${count})` : plain, without, pointer });
      insertions.push([begin, pointer ? `::tarta::mutants::found(${number}, ` : `::tarta::mutants::check(${number}, ${without}, static_cast<bool>(`, 1]);
      insertions.push([end, pointer ? ")" : "))", 0]);
    }
    if (insertions.length === 0) return { name: file, text };
    // At one place what ends comes before what begins.
    insertions.sort(([a, , x], [b, , y]) => a - b || x - y);
    let at = 0;
    let output = "";
    for (const [where, what] of insertions) {
      output += text.slice(at, where) + what;
      at = where;
    }
    output += text.slice(at);
    const include = '#include "mutant.hpp"\n';
    return { name: file, text: /^#pragma once$/m.test(output) ? output.replace("#pragma once\n", `#pragma once\n\n${include}`) : include + output };
  });
  if (checks.length > MOST) throw new Error(`mutant.hpp is made for ${MOST} checks, there are ${checks.length}`);
  return { sources: written, checks };
}
