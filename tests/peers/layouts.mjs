// Lays out graphs with ELK and dagre:  node layouts.mjs FOLDER_WITH_NODE_MODULES < graphs.json > drawings.json
import { createRequire } from "node:module";
import { join } from "node:path";
import { readFileSync } from "node:fs";

const require = createRequire(join(process.argv[2], "package.json"));
const ELK = require("elkjs");
const dagre = require("@dagrejs/dagre");

async function byElk({ nodes, edges, groups }) {
  const box = (node) => ({ id: node.id, width: node.width, height: node.height });
  const children = groups.length > 1
    ? groups.map((group, at) => ({
        id: `group ${at}`,
        layoutOptions: { "elk.padding": "[top=60,left=20,bottom=20,right=20]" },
        children: nodes.filter((node) => group.includes(node.id)).map(box),
      }))
    : nodes.map(box);
  const laid = await new ELK().layout({
    id: "root",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": "DOWN",
      "elk.hierarchyHandling": "INCLUDE_CHILDREN",
      "elk.json.edgeCoords": "ROOT",
      "elk.json.shapeCoords": "ROOT",
    },
    children,
    edges: edges.map(([source, target], at) => ({ id: `edge ${at}`, sources: [source], targets: [target] })),
  });
  const boxes = {};
  const walk = (node) => {
    if (!node.children?.length && node.id !== "root") boxes[node.id] = [node.x, node.y, node.width, node.height];
    node.children?.forEach(walk);
  };
  walk(laid);
  const lines = laid.edges.map((edge) => [
    edge.sources[0], edge.targets[0],
    edge.sections.flatMap(({ startPoint, bendPoints = [], endPoint }) =>
      [startPoint, ...bendPoints, endPoint].map(({ x, y }) => [x, y])),
  ]);
  return { width: laid.width, height: laid.height, boxes, lines };
}

function byDagre({ nodes, edges, groups }) {
  const graph = new dagre.graphlib.Graph({ compound: groups.length > 1 });
  graph.setGraph({ rankdir: "TB" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { width: node.width, height: node.height });
  if (groups.length > 1) {
    groups.forEach((group, at) => {
      graph.setNode(`group ${at}`, {});
      for (const id of group) graph.setParent(id, `group ${at}`);
    });
  }
  for (const [source, target] of edges) graph.setEdge(source, target);
  dagre.layout(graph);
  const boxes = {};
  for (const { id } of nodes) {
    const { x, y, width, height } = graph.node(id);
    boxes[id] = [x - width / 2, y - height / 2, width, height];
  }
  const lines = graph.edges().map((edge) => [
    edge.v, edge.w, graph.edge(edge).points.map(({ x, y }) => [x, y]),
  ]);
  const { width, height } = graph.graph();
  return { width, height, boxes, lines };
}

const drawings = {};
for (const [name, graph] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  drawings[name] = { elk: await byElk(graph), dagre: byDagre(graph) };
}
process.stdout.write(JSON.stringify(drawings));
