// The description of the endpoints, drawn from openapi.json.

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

/** Text in which `words` are code, and an empty line begins a paragraph. */
function paragraphs(text) {
  return text.split("\n\n").map((part) => {
    const pieces = part.split("`");
    return element("p", {}, ...pieces.map((piece, at) => (at % 2 ? element("code", { textContent: piece }) : piece)));
  });
}

/** Write a schema as an example would look, with types for values. */
function outline(schema, all, depth = 0) {
  const pad = "  ".repeat(depth);
  if (schema.$ref) return outline(all[schema.$ref.split("/").at(-1)], all, depth);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.map((one) => outline(one, all, depth)).join(`\n${pad}or\n${pad}`);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.properties) {
    const lines = Object.entries(schema.properties).map(([name, one]) => {
      const optional = schema.required?.includes(name) ? "" : "?";
      return `${pad}  ${name}${optional}: ${outline(one, all, depth + 1)}`;
    });
    return `{\n${lines.join(",\n")}\n${pad}}`;
  }
  if (schema.additionalProperties?.$ref) return `{NAME: ${outline(schema.additionalProperties, all, depth)}}`;
  if (schema.prefixItems) return `[${schema.prefixItems.map((one) => outline(one, all, depth)).join(", ")}]`;
  if (schema.items) return `[${outline(schema.items, all, depth)}, …]`;
  if (schema.format === "binary") return "bytes";
  return [schema.type ?? "any"].flat().join(" | ");
}

const BODIES = {
  "application/json": (example) => `-H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(example)}'`,
  "multipart/form-data": () => "-F file=@page-1.jpg -F file=@page-2.jpg",
  "application/octet-stream": () => "--data-binary @page.jpg",
};

/** Write a call of curl for each body that an operation takes. */
function calls(method, path, operation, hasToken) {
  const filled = (operation.parameters ?? [])
    .filter((one) => one.in === "path")
    .reduce((text, one) => text.replace(`{${one.name}}`, one.example ?? `{${one.name}}`), path);
  const token = hasToken ? ' -H "Authorization: Bearer $TENFOLD_TOKEN"' : "";
  const start = `curl${token} ${location.origin}${filled}`;
  const contents = Object.entries(operation.requestBody?.content ?? {});
  if (method === "get") return [start];
  return contents.flatMap(([type, content]) => {
    const examples = Object.values(content.examples ?? {}).map((one) => one.value);
    if (type === "application/octet-stream" && path.endsWith("/infer")) return [];
    if (type === "application/json" && !examples.length) return [];
    return (examples.length ? examples : [null]).map((one) => `${start} \\\n  ${BODIES[type](one)}`);
  });
}

function draw(method, path, operation, description) {
  const all = description.components.schemas;
  const made = element("article", { id: operation.operationId });
  made.append(
    element("h3", {}, badge(method), " ", element("code", { textContent: path })),
    element("p", {}, operation.summary),
    ...paragraphs(operation.description ?? "").filter((one) => one.textContent),
  );
  const parameters = operation.parameters ?? [];
  if (parameters.length) {
    made.append(element("h4", { textContent: "Parameters" }));
    const rows = parameters.map((one) =>
      element(
        "tr",
        {},
        element("td", {}, element("code", { textContent: one.name })),
        element("td", { textContent: one.in }),
        element("td", { textContent: one.description }),
      ),
    );
    made.append(element("table", {}, ...rows));
  }
  made.append(element("h4", { textContent: "Example" }));
  const needsToken = Boolean(operation.security?.length);
  made.append(...calls(method, path, operation, needsToken).map((one) => element("pre", { textContent: one })));
  const { 200: answer, ...refusals } = operation.responses;
  for (const [type, content] of Object.entries(answer.content ?? {})) {
    made.append(element("h4", { textContent: `Answer: ${type}` }));
    made.append(element("pre", { textContent: outline(content.schema, all) }));
  }
  made.append(
    element("p", { className: "statuses", textContent: `Errors: ${Object.keys(refusals).join(", ")}, each {"error": "one line"}` }),
  );
  return made;
}

const badge = (method) => element("span", { className: `method ${method}`, textContent: method.toUpperCase() });

async function show() {
  const response = await fetch("openapi.json");
  const description = await response.json();
  if (!response.ok) throw new Error(description.error);
  document.querySelector("#version").textContent = description.info.version;
  document.querySelector("#about").replaceWith(...paragraphs(description.info.description));
  const groups = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const [tag] = operation.tags;
      groups.set(tag, [...(groups.get(tag) ?? []), [method, path, operation]]);
    }
  }
  const contents = document.querySelector("#contents");
  const operations = document.querySelector("#operations");
  operations.replaceChildren();
  for (const [tag, group] of groups) {
    operations.append(element("h2", { textContent: tag }));
    for (const [method, path, operation] of group) {
      operations.append(draw(method, path, operation, description));
      contents.append(
        element(
          "a",
          { href: `#${operation.operationId}` },
          badge(method),
          element("code", { textContent: path }),
          element("span", { textContent: operation.summary }),
        ),
      );
    }
  }
}

show().catch((error) => {
  document.querySelector("#operations").textContent = error.message;
});
