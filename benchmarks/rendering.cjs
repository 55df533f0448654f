// liquidjs and handlebars on the templates of rendering.py: node rendering.cjs ASKED.json NODE_MODULES
// Prints, for each, the CPU seconds of the best of some times and the SHA-256 of each message.
"use strict";
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const [file, modules] = process.argv.slice(2);
const asked = JSON.parse(readFileSync(file, "utf8"));
const { Liquid } = require(join(modules, "liquidjs"));
const Handlebars = require(join(modules, "handlebars"));

const liquid = new Liquid(asked.is_html ? { outputEscape: "escape" } : {});
const parsed = liquid.parse(asked.liquid);
Handlebars.registerHelper("eq", (a, b) => a === b);
const compiled = Handlebars.compile(asked.handlebars, { noEscape: !asked.is_html });

const measured = (render) => {
  let best = Infinity;
  let messages = [];
  for (let time = 0; time < asked.times; time += 1) {
    const began = process.cpuUsage();
    messages = asked.rows.map(render);
    const used = process.cpuUsage(began);
    best = Math.min(best, (used.user + used.system) / 1e6);
  }
  const digests = messages.map((message) => createHash("sha256").update(message).digest("hex"));
  return { seconds: best, digests };
};

process.stdout.write(
  JSON.stringify({
    liquidjs: measured((row) => liquid.renderSync(parsed, row)),
    handlebars: measured((row) => compiled(row)),
  }),
);
