// Requests to the server, which does all the reading.

export const readStrokes = (strokes, signal) =>
  post("read/strokes", JSON.stringify(strokes), "application/json", signal);

export const readImage = (image, signal) =>
  post("read/image", image, "application/octet-stream", signal);

async function post(path, body, type, signal) {
  const headers = { "Content-Type": type };
  let response;
  try {
    response = await fetch(path, { method: "POST", headers, body, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error("The server does not respond. Is “tenfold serve” still running?");
  }
  const content = await response
    .json()
    .catch(() => ({ error: `The server failed (status ${response.status}).` }));
  if (!response.ok) throw new Error(content.error);
  return content;
}
