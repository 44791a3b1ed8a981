// What tests of the whole system share.
export { Traffic, type TrafficOptions, type TrafficReport } from './traffic.ts';
