import type { en } from '../en/index.ts';
import { account } from './account.ts';
import { common } from './common.ts';
import { signIn } from './sign-in.ts';
import { trunks } from './trunks.ts';

export const de: Readonly<Record<keyof typeof en, string>> = { ...common, ...signIn, ...account, ...trunks };
