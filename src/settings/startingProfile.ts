/** The text of a new profile: a complete example for a custom metric. */
export function startingProfile(id: string): string {
  return `# Maps custom metrics to signals. This example reads when each model was last trained.
# Replace the names of metrics and labels with yours.
id: ${id}
name: Training times

# Where the metrics are measured, such as server, worker or gateway.
layer: server

# The endpoint that serves these metrics. Omit it if another profile covers the endpoint.
endpoint: {port: 8000, path: /metrics}

# The profile applies to endpoints that serve one of these metrics.
detect: [model_last_trained_timestamp_seconds]

# A metric with one series per model.
identity_metric: model_last_trained_timestamp_seconds

# Labels that distinguish replicas.
replica: [job, instance]

# The labels of dashboards, and their names in your metrics.
labels:
  model: model_name
  version: model_version
  replica: instance
  environment: environment
  deployment: deployment

# Each metric with its type, its unit and those of the labels above that it has.
metrics:
  model_last_trained_timestamp_seconds: {type: gauge, unit: seconds, labels: [model, version]}

# Each signal with its recipes, the preferred one first. The documentation lists all types of recipes.
signals:
  prediction_staleness:
    # The age of a metric whose value is a time, in seconds since 1970.
    - description: time since the last training
      age: model_last_trained_timestamp_seconds
`;
}
