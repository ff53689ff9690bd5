// transformers.js in Node, and ONNX Runtime in Node alone.
import { readFileSync, writeFileSync } from 'node:fs';
import * as library from '@huggingface/transformers';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';
import { pixels } from './pixels.mjs';
import { answers } from './transformers.mjs';

const read = async path => readFileSync(path), write = async (path, text) => writeFileSync(path, text);
await answers({
  library, client: 'transformers.js-node', name: 'transformers.js in Node', with: `, Node ${process.versions.node}`,
  read, write,
});
await pixels({
  ort, client: 'onnxruntime-node', name: 'ONNX Runtime in Node, sharp', version: `${ort.env.versions.node}, sharp ${sharp.versions.sharp}`, providers: ['cpu'], read, write,
  decode: async path => {
    const { data, info } = await sharp(path).rotate().removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
    return { levels: new Uint8Array(data), width: info.width, height: info.height };
  },
});
