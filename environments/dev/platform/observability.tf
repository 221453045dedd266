locals {
  _scaled = sort([for name, processor in module.processor : name if processor.scaling != null])
  _door   = module.processor["collect"].load_balancer

  _requests = ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", local._door.load_balancer]
  _widgets = [
    { title = "tasks needed over tasks there, %", metric = "CapacityRatio", stat = "Average", at = 100 },
    { title = "time that the oldest waiting event waits, s", metric = "TimeLag", stat = "Maximum", at = 60 },
    { title = "busy, % of the tasks' time", metric = "Utilization", stat = "Average", at = 78 },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${local._name}-platform"
  dashboard_body = jsonencode({
    widgets = concat(
      [for i, widget in local._widgets : {
        type = "metric", x = 8 * i, y = 0, width = 8, height = 7
        properties = {
          title       = widget.title
          region      = var.region
          period      = 60
          stat        = widget.stat
          view        = "timeSeries"
          metrics     = [for name in local._scaled : ["Headwater", widget.metric, "Environment", local._name, "Processor", name]]
          annotations = { horizontal = [{ value = widget.at }] }
        }
      }],
      [
        {
          type = "metric", x = 0, y = 7, width = 8, height = 7
          properties = {
            title   = "tasks that run"
            region  = var.region
            period  = 60
            stat    = "Average"
            view    = "timeSeries"
            metrics = [for name in sort(concat(keys(local.processors), ["capacity"])) : ["ECS/ContainerInsights", "RunningTaskCount", "ClusterName", var.ecs_cluster.name, "ServiceName", name]]
          }
        },
        {
          type = "metric", x = 8, y = 7, width = 8, height = 7
          properties = {
            title  = "requests to the collector, and those that failed"
            region = var.region
            period = 60
            stat   = "Sum"
            view   = "timeSeries"
            metrics = [
              local._requests,
              ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", local._door.load_balancer],
              ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", local._door.load_balancer],
            ]
          }
        },
        {
          type = "metric", x = 16, y = 7, width = 8, height = 7
          properties = {
            title       = "until the collector has answered, s"
            region      = var.region
            period      = 60
            view        = "timeSeries"
            metrics     = [for stat in ["p50", "p99"] : ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", local._door.load_balancer, { stat = stat }]]
            annotations = { horizontal = [{ value = 0.5 }] }
          }
        },
      ],
    )
  })
}

# Of 10,000 requests 8 may fail in 30 days (99.92%). At 14.4 times that rate 2% of
# what may fail in 30 days is gone in an hour: three such spells of five minutes
# within the hour call somebody.
resource "aws_cloudwatch_metric_alarm" "availability" {
  alarm_name          = "${local._name}-collector-availability"
  alarm_description   = "More than 1.152% of requests to the collector fail: 14.4 times what 99.92% lets fail. Senders try again, nothing acknowledged is lost. See docs/metrics.md."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1.152
  evaluation_periods  = 12
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching" # no request failed
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]

  metric_query {
    id          = "failed"
    expression  = "100 * (FILL(theirs, 0) + FILL(ours, 0)) / requests"
    label       = "failed requests, %"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { ours = "HTTPCode_ELB_5XX_Count", requests = "RequestCount", theirs = "HTTPCode_Target_5XX_Count" }
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value
        period      = 300
        stat        = "Sum"
        dimensions  = { LoadBalancer = local._door.load_balancer }
      }
    }
  }
}

# The way from the sender to the brokers and back is the first part of the 500 ms
# that 99% of events get.
resource "aws_cloudwatch_metric_alarm" "latency" {
  alarm_name          = "${local._name}-collector-latency"
  alarm_description   = "1% of requests to the collector wait for 0.5 s or more. See docs/metrics.md."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "TargetResponseTime"
  dimensions          = { LoadBalancer = local._door.load_balancer }
  extended_statistic  = "p99"
  period              = 300
  evaluation_periods  = 12
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 0.5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}
