// Takes the steps of a plan with node:http and one kept connection, but for what is asked meanwhile:
// node agent.mjs BASE < plan.json > results.json
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { createGunzip } from 'node:zlib';

const base = process.argv[2];
const { Agent, request: ask } = base.startsWith('https:') ? https : http;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const sockets = new Set();

function pattern(size) {
  const body = Buffer.alloc(size);
  for (let i = 0; i < size; i++) body[i] = i % 251;
  return body;
}

function asked(order, options = { agent }) {
  return new Promise((resolve, reject) => {
    const fields = { ...order.fields };
    if (order.upload !== null && !order.chunked) fields['Content-Length'] = order.upload;
    if (order.expect) fields.Expect = '100-continue';
    const request = ask(base + order.path, {
      method: order.method, headers: fields, ...options,
    });
    let continued = false;
    request.on('socket', (socket) => { if (options.agent) sockets.add(socket); });
    request.on('response', (response) => resolve([response, continued]));
    request.on('error', reject);
    const body = order.upload === null ? null : pattern(order.upload);
    if (order.expect) {
      request.flushHeaders();
      request.on('continue', () => { continued = true; request.end(body); });
    } else if (order.chunked) {
      for (let start = 0; start < body.length; start += 60000) {
        request.write(body.subarray(start, start + 60000));
      }
      request.end();
    } else {
      request.end(body);
    }
  });
}

async function take(order) {
  const [response, continued] = await asked(order);
  const digest = createHash('sha256');
  let length = 0;
  const packed = response.headers['content-encoding'] === 'gzip';
  let first = true;
  for await (const piece of packed ? response.pipe(createGunzip()) : response) {
    digest.update(piece);
    length += piece.length;
    if (first && order.release) {
      const [released] = await asked(
        { method: 'POST', path: order.release, upload: 0 }, { agent: false });
      released.resume();
    }
    first = false;
  }
  if (order.expect && !continued) throw new Error('no 100 came');
  return {
    name: order.name,
    status: response.statusCode,
    fields: response.headers,
    length,
    sha256: digest.digest('hex'),
  };
}

const results = [];
for (const order of JSON.parse(readFileSync(0))) results.push(await take(order));
console.log(JSON.stringify({ results, connections: sockets.size }));
agent.destroy();
