import { account } from './account.ts';
import { common } from './common.ts';
import { signIn } from './sign-in.ts';
import { trunks } from './trunks.ts';

export const en = { ...common, ...signIn, ...account, ...trunks };
