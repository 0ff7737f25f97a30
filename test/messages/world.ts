/** What is provisioned for tests of messages. */
import { whatsappNumber } from '../../src/messages/numbers.ts';
import { Directory } from '../../src/trunks/directory.ts';
import { provisioningSchema } from '../../src/trunks/schema.ts';
import { whatsappWorld } from '../end-to-end/messages/world.ts';

export const USER = '12015550123';

export function directoryOf(changes: Parameters<typeof whatsappWorld>[1] = {}): Directory {
  return new Directory(provisioningSchema.parse(whatsappWorld('https://graph.example/v23.0', changes)));
}

export function numberIn(directory: Directory) {
  const number = whatsappNumber(directory, '7');
  if (number === undefined) throw new Error('no number');
  return number;
}
