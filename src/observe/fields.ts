/** What the shapes of facts are made of. */
import { z } from 'zod';

export const time = z.iso.datetime({ offset: true });
export const optionalText = z.string().optional();
export const DIRECTION = z.enum(['outbound', 'inbound', 'internal']);
