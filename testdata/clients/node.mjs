// transformers.js in Node.
import { readFileSync, writeFileSync } from 'node:fs';
import * as library from '@huggingface/transformers';
import { answers } from './transformers.mjs';

await answers({
  library, client: 'transformers.js-node', name: 'transformers.js in Node', with: `, Node ${process.versions.node}`,
  read: async path => readFileSync(path), write: async (path, text) => writeFileSync(path, text),
});
