// Reads Markdown and prints, as JSON, the last table in it as GitHub's flavour has it: for each row,
// the plain text of each cell. The first argument is the folder whose node_modules has marked.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.argv[2]}/package.json`);
const { lexer } = await import(pathToFileURL(require.resolve('marked')));

// HTML that is not a name in code would not be shown, and a named entity as something else.
function plain(token) {
  if (token.tokens) return token.tokens.map(plain).join('');
  if (token.type === 'html') return /^<\/?code>$/.test(token.text) ? '' : '(HTML)';
  if (token.type !== 'text') return token.text;
  return token.text
    .replace(/&(\w+);/g, '($1)')
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
}

const tables = lexer(readFileSync(0, 'utf8')).filter((token) => token.type === 'table');
console.log(JSON.stringify(tables.at(-1).rows.map((row) => row.map(plain))));
