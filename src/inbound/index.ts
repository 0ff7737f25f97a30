export {
  calledNumbers,
  calledSource,
  calledSources,
  firstSource,
} from './parameters.ts';
export {
  type InboundCall,
  type InboundDirectory,
  InboundRouter,
  type InboundTarget,
} from './route-inbound.ts';
export type { FoundVerification } from './rules.ts';
