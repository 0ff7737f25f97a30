/** Sine tones as WAV files, and how much of one is in a recording (Goertzel). */
import { readFileSync, writeFileSync } from 'node:fs';

const RATE = 8000;

/** A mono WAV file of 16-bit samples at 8 kHz. */
export function writeTone(file: string, hertz: number, seconds: number): void {
  const count = RATE * seconds;
  const wav = Buffer.alloc(44 + count * 2);
  wav.write('RIFF', 0, 'latin1');
  wav.writeUInt32LE(36 + count * 2, 4);
  wav.write('WAVEfmt ', 8, 'latin1');
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(RATE, 24);
  wav.writeUInt32LE(RATE * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36, 'latin1');
  wav.writeUInt32LE(count * 2, 40);
  for (let index = 0; index < count; index++)
    wav.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * hertz * index) / RATE)), 44 + index * 2);
  writeFileSync(file, wav);
}

/** Share of the last second's energy in a recording that is this tone: 1 for nothing else, 0 for silence and less than a second of sound. */
export function toneShare(file: string, hertz: number): number {
  const octets = readFileSync(file);
  const samples = octets.subarray(44 + ((octets.length - 44) & ~1) - Math.min((octets.length - 44) & ~1, RATE * 2));
  const count = samples.length >> 1;
  const factor = 2 * Math.cos((2 * Math.PI * hertz) / RATE);
  let energy = 0;
  let [before, last] = [0, 0];
  for (let index = 0; index < count; index++) {
    const sample = samples.readInt16LE(index * 2);
    energy += sample * sample;
    [before, last] = [last, sample + factor * last - before];
  }
  const power = before * before + last * last - factor * before * last;
  return energy === 0 || count < RATE ? 0 : (2 * power) / (energy * count);
}
