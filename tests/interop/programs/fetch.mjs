// Takes the steps of a plan with fetch: node fetch.mjs BASE < plan.json > results.json
//
// A body is a Blob: the fetch of node 20 cannot send a Buffer again after a redirect.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const base = process.argv[2];

function pattern(size) {
  const body = Buffer.alloc(size);
  for (let i = 0; i < size; i++) body[i] = i % 251;
  return body;
}

function parts(size) {
  const body = pattern(size);
  let start = 0;
  return new ReadableStream({
    pull(controller) {
      if (start >= size) return controller.close();
      controller.enqueue(body.subarray(start, start + 60000));
      start += 60000;
    },
  });
}

async function take(order) {
  const asked = { method: order.method, headers: order.fields };
  if (order.upload !== null) {
    asked.body = order.chunked ? parts(order.upload) : new Blob([pattern(order.upload)]);
    if (order.chunked) asked.duplex = 'half';
  }
  const response = await fetch(base + order.path, asked);
  const digest = createHash('sha256');
  let length = 0;
  if (response.body !== null) {
    let first = true;
    for await (const piece of response.body) {
      digest.update(piece);
      length += piece.length;
      if (first && order.release) await fetch(base + order.release, { method: 'POST' });
      first = false;
    }
  }
  return {
    name: order.name,
    status: response.status,
    fields: Object.fromEntries(response.headers),
    length,
    sha256: digest.digest('hex'),
  };
}

const results = [];
for (const order of JSON.parse(readFileSync(0))) results.push(await take(order));
console.log(JSON.stringify({ results }));
