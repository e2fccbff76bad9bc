// Sends a body with trailers and prints the answer with its own: node trailers.mjs URL
import http from 'node:http';

const request = http.request(process.argv[2], {
  method: 'POST',
  headers: { 'Transfer-Encoding': 'chunked', Trailer: 'X-Sum' },
}, async (response) => {
  let body = '';
  for await (const piece of response) body += piece;
  console.log(JSON.stringify({
    status: response.statusCode, told: JSON.parse(body), trailers: response.trailers,
  }));
});
request.write('in two ');
request.write('pieces');
request.addTrailers({ 'X-Sum': 'sum of the request' });
request.end();
