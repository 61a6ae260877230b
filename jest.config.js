// force timezone to UTC to allow tests to work regardless of local timezone
// generally used by snapshots, but can affect specific tests
process.env.TZ = 'UTC';

const { grafanaESModules, nodeModulesToTransform } = require('./.config/jest/utils');

module.exports = {
  // Jest configuration provided by Grafana scaffolding
  ...require('./.config/jest.config'),
  transformIgnorePatterns: [nodeModulesToTransform([...grafanaESModules, '@react-hookz/web', '@ver0/deep-equal'])],
  // The d3 packages ship ES modules that Jest does not load, and a build for everything else behind this condition.
  testEnvironmentOptions: { customExportConditions: ['browser', 'umd'] },
  // A whole editor takes seconds to show on a busy machine.
  testTimeout: 60_000,
};
