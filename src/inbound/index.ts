export { type InboundNumbers, readInboundNumbers } from './parameters.ts';
export {
  type InboundDirectory,
  type InboundFacts,
  type InboundRejection,
  type InboundRoute,
  InboundRouter,
  type InboundTarget,
} from './route-inbound.ts';
