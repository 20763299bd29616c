// Ends with 0 where the address answers with a 2xx; the image has no curl.
import { get } from 'node:http';

const [, , url = 'http://127.0.0.1:3000/healthz'] = process.argv;
const tell = (answer, healthy) => {
  console.log(`${url}: ${answer}`);
  process.exit(healthy ? 0 : 1);
};
get(url, { timeout: 4_000 }, ({ statusCode }) => tell(statusCode, statusCode >= 200 && statusCode < 300))
  .on('timeout', () => tell('no answer within 4 s', false))
  .on('error', (error) => tell(error.code ?? error.message, false));
