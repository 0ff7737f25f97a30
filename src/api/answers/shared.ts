/** What the answers are made of. */
import { z } from 'zod';

export { DIRECTION, optionalText, time } from '../../observe/fields.ts';
export const NODE = z.string().describe('The node that has it.');
