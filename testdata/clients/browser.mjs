// Opens a page of this folder in headless Chromium, which reaches nothing but
// this folder. The page posts files to result/NAME, in the end result/done, or
// result/failed with what went wrong.
//
//	node browser.mjs CHROMIUM PAGE [SECONDS]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';

const [chromium, page, seconds = '1800'] = process.argv.slice(2);
const types = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm', '.png': 'image/png', '.jpg': 'image/jpeg' };
let done;
const finished = new Promise(resolve => done = resolve);
// What a page that posts nothing shows, once it shows something, or its error.
const watch = `<script type="module">
  const post = (path, body) => fetch('/result/' + path, { method: 'POST', body });
  addEventListener('error', e => post('failed', e.message));
  addEventListener('unhandledrejection', e => post('failed', String(e.reason?.stack ?? e.reason)));
  const timer = setInterval(() => {
    if (!/\\d\\.\\d/.test(document.body.innerText)) return;
    clearInterval(timer);
    post('shown', document.body.innerText);
  }, 200);
</script>`;
const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
  if (request.method == 'POST') {
    const parts = [];
    request.on('data', part => parts.push(part));
    request.on('end', () => {
      const name = path.replace('/result/', ''), body = Buffer.concat(parts);
      response.end();
      if (name == 'shown') {
        process.stdout.write(body);
        done(null);
      } else if (name == 'done' || name == 'failed') done(name == 'done' ? null : body.toString());
      else if (!name.includes('/')) writeFileSync(name, body);
    });
    return;
  }
  const file = join('.', normalize(path));
  try {
    if (!statSync(file).isFile()) throw new Error('no file');
    response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream');
    const body = readFileSync(file);
    response.end(extname(file) == '.html' && !body.includes('/result/') ? body + watch : body);
  } catch {
    response.statusCode = 404;
    response.end();
  }
});
server.listen(0, '127.0.0.1');
await new Promise(resolve => server.on('listening', resolve));
const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
const browser = spawn(chromium, [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking', `--user-data-dir=${profile}`,
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1', `http://127.0.0.1:${server.address().port}/${page}`,
], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
let said = '';
browser.stderr.on('data', part => said = (said + part).slice(-2000));
browser.on('error', e => done(`${chromium}: ${e.message}`));
browser.on('exit', code => done(`${chromium} ended with ${code}: ${said}`));
const timer = setTimeout(() => done(`the page took more than ${seconds} s`), 1000 * seconds);
const failure = await finished;
clearTimeout(timer);
const gone = new Promise(resolve => browser.exitCode === null && browser.pid ? browser.on('exit', resolve) : resolve());
try {
  process.kill(-browser.pid); // and its children
} catch { /* it has ended */ }
await gone;
server.close();
server.closeAllConnections();
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
if (failure) {
  console.error(failure);
  process.exitCode = 1;
}
