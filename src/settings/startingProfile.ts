/** What a new profile begins with: a whole one, of a metric of one's own, to be rewritten. */
export function startingProfile(id: string): string {
  return `# How metrics of your own fill signals. This example reads when each model was last trained.
# The names of metrics and labels are examples: write yours.
id: ${id}
name: Training times

# Where it is measured, such as server, worker or gateway.
layer: server

# The page that has these metrics. Leave it out if they are on the page of a server that has a profile already.
endpoint: {port: 8000, path: /metrics}

# A page with one of these metrics is this profile's.
detect: [model_last_trained_timestamp_seconds]

# The metric that has one series for each model.
identity_metric: model_last_trained_timestamp_seconds

# What tells one replica's series from another's.
replica: [job, instance]

# The dashboards' labels, and what they are called in your metrics.
labels:
  model: model_name
  version: model_version
  replica: instance
  environment: environment
  deployment: deployment

# Each metric with its type, its unit, and which of the labels above it carries itself.
metrics:
  model_last_trained_timestamp_seconds: {type: gauge, unit: seconds, labels: [model, version]}

# Each signal with its recipes, the preferred one first. Age is one kind of recipe; the documentation has the others.
signals:
  prediction_staleness:
    # The age of a metric whose value is a time, in seconds since 1970.
    - description: now minus the time of the last training
      age: model_last_trained_timestamp_seconds
`;
}
