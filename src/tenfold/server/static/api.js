// Requests to the server, which does all the reading.

export const readStrokes = (strokes, signal) =>
  read(JSON.stringify(strokes), "application/json", signal);

export const readImage = (image, signal) => read(image, "application/octet-stream", signal);

/** Whether corrections are kept, and how many there are. */
export const correctionStatus = () => ask("corrections/status");

/** Keep what an answer should have been; `source` has the strokes, or the image (a Blob). */
export async function correct(source, correction) {
  const input = source.image
    ? { picture: await base64(source.image) }
    : { strokes: source.strokes };
  const body = JSON.stringify({ ...input, ...correction });
  return ask("corrections", { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

/** Find kept corrections; `search` has the parameters. */
export const findCorrections = (search) => ask(`corrections/entries?${new URLSearchParams(search)}`);

export const deleteCorrections = (ids) =>
  ask(`corrections?${ids.map((id) => `id=${id}`).join("&")}`, { method: "DELETE" });

async function read(body, type, signal) {
  const headers = { "Content-Type": type };
  const content = await ask("read?details=true", { method: "POST", headers, body, signal });
  // A PDF has many pages; this page shows the first.
  const [first] = content.results ?? [{ reading: content }];
  if (first.error) throw new Error(first.error);
  return { ...first.reading, text: first.reading.rows.join("\n") };
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Error("The server does not respond. Is “tenfold serve” still running?");
  }
  const content = await response
    .json()
    .catch(() => ({ error: `The server failed (status ${response.status}).` }));
  if (!response.ok) throw new Error(content.error);
  return content;
}

const base64 = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.split(",", 2)[1] ?? ""));
    reader.addEventListener("error", () => reject(new Error("The image cannot be read any more.")));
    reader.readAsDataURL(blob);
  });
