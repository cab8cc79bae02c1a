// Requests to the server, which does all the reading.

export const readStrokes = (strokes, signal) =>
  read(JSON.stringify(strokes), "application/json", signal);

export const readImage = (image, signal) => read(image, "application/octet-stream", signal);

async function read(body, type, signal) {
  const headers = { "Content-Type": type };
  let response;
  try {
    response = await fetch("read?details=true", { method: "POST", headers, body, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error("The server does not respond. Is “tenfold serve” still running?");
  }
  const content = await response
    .json()
    .catch(() => ({ error: `The server failed (status ${response.status}).` }));
  if (!response.ok) throw new Error(content.error);
  // A PDF has many pages; this page shows the first.
  const [first] = content.results ?? [{ reading: content }];
  if (first.error) throw new Error(first.error);
  return { ...first.reading, text: first.reading.rows.join("\n") };
}
