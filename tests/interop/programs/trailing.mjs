// An application that tells the trailers of a request, and ends its answer with some of its own:
// node trailing.mjs PORT
import http from 'node:http';

http.createServer((request, response) => {
  if (request.url === '/health') return response.end('ok\n');
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    response.writeHead(200, { Trailer: 'X-Sum', 'Content-Type': 'application/json' });
    response.write(JSON.stringify({
      body: Buffer.concat(pieces).toString(),
      trailers: request.trailers,
      te: request.headers.te ?? null,
    }));
    response.addTrailers({ 'X-Sum': 'sum of the answer' });
    response.end();
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
