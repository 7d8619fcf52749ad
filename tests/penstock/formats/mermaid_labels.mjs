// Reads a JSON list of {text, draw} and prints what the real Mermaid made of each diagram's text: the
// labels, edges and subgraphs that it parsed and, where `draw` is true, the texts that it draws.
// jsdom measures nothing, so every text is given one size: what is drawn is right, its place is not.
// The first argument is the folder whose node_modules has mermaid and jsdom.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.argv[2]}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)));

const { JSDOM } = await load('jsdom');
const { window } = new JSDOM('<!DOCTYPE html><body></body>', { pretendToBeVisual: true });
window.SVGElement.prototype.getBBox = () => ({ x: 0, y: 0, width: 100, height: 20 });
window.SVGElement.prototype.getComputedTextLength = () => 100;
Object.assign(globalThis, { window, document: window.document });
for (const name of [
  'Element', 'HTMLElement', 'SVGElement', 'Node', 'DOMParser', 'XMLSerializer', 'CSSStyleSheet',
  'MutationObserver', 'getComputedStyle',
]) {
  globalThis[name] ??= window[name];
}

const mermaid = (await load('mermaid')).default;
mermaid.initialize({ startOnLoad: false });

// Mermaid keeps an encoded character under marks of its own until it is shown as HTML.
function plain(label) {
  const page = window.document.createElement('div');
  page.innerHTML = label.replaceAll('ﬂ°°', '&#').replaceAll('ﬂ°', '&').replaceAll('¶ß', ';');
  return page.textContent;
}

async function read({ text, draw }, index) {
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  const vertices = db.getVertices();
  const nodes = vertices instanceof Map ? [...vertices.values()] : Object.values(vertices);
  const answer = {
    labels: Object.fromEntries(nodes.map((node) => [node.id, plain(node.text ?? node.id)])),
    edges: db.getEdges().map((edge) => [edge.start, edge.end]),
    heads: db.getEdges().map((edge) => edge.type),
    groups: db.getSubGraphs().map((group) => [plain(group.title), group.nodes]),
  };
  if (draw) {
    const { svg } = await mermaid.render(`drawn${index}`, text);
    const page = new window.DOMParser().parseFromString(svg, 'text/html');
    const drawn = [...page.querySelectorAll('g.node')];
    const id = (node) => node.id.replace(/^.*flowchart-(.*)-\d+$/, '$1');
    answer.drawn = Object.fromEntries(drawn.map((node) => [id(node), node.textContent]));
    answer.titles = [...page.querySelectorAll('g.cluster')].map((cluster) => cluster.textContent);
  }
  return answer;
}

const answers = [];
for (const [index, diagram] of JSON.parse(readFileSync(0, 'utf8')).entries()) {
  try {
    answers.push(await read(diagram, index));
  } catch (error) {
    answers.push({ error: String(error.message) });
  }
}
console.log(JSON.stringify(answers));
