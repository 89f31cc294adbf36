"""Alarms and who hears of them: one mistake for each rule of rules/alarms.py, or more."""

from deploy.check.seeded.defect import REGION, Defect

DEFECTS = [
    Defect(
        "an alarm that tells nobody",
        f"{REGION}/alarms.tf",
        "  alarm_actions       = [var.alarm_topic_arn]\n",
        "  alarm_actions       = []\n",
        "alarm_acts",
        "does nothing",
    ),
    Defect(
        "an alarm on a metric that nobody writes",
        f"{REGION}/alarms.tf",
        'metric = "QueueAge", statistic = "Maximum"',
        'metric = "QueueAges", statistic = "Maximum"',
        "metric_exists",
        "QueueAges",
    ),
    Defect(
        "an alarm on a misspelt metric of AWS's",
        f"{REGION}/alarms.tf",
        '"UnHealthyHostCount"',
        '"UnhealthyHostCount"',
        "metric_exists",
        "UnhealthyHostCount",
    ),
    Defect(
        "an alarm on a service that does not exist",
        f"{REGION}/alarms.tf",
        'ServiceName = "worker" }',
        'ServiceName = "workers" }',
        "dimension_exists",
        "workers",
    ),
    Defect(
        "an alarm without a paragraph in the runbook",
        f"{REGION}/alarms.tf",
        "    queue-age = {",
        "    queue-old = {",
        "alarm_is_explained",
        "queue-old",
    ),
    Defect(
        "a topic that alarms may not write to",
        "terraform/notifications.tf",
        '        "cloudwatch.amazonaws.com",\n',
        "",
        "topics_reach_people",
        "cloudwatch",
    ),
    Defect(
        "a key that swallows alarms",
        "terraform/keys.tf",
        '        "cloudwatch.amazonaws.com",\n',
        "",
        "key_lets_alarms_through",
        "cloudwatch",
    ),
    Defect(
        "nobody is told that the database is far behind",
        f"{REGION}/alarms.tf",
        '"DBClusterReplicaLagMaximum"',
        '"DatabaseConnections"',
        "watched",
        "DBClusterReplicaLagMaximum",
    ),
    Defect(
        "scaling that wakes people",
        f"{REGION}/scaling.tf",
        "  alarm_actions = [\n    for action in each.value.AlarmActions :\n"
        '    aws_appautoscaling_policy.step["${each.value.role}-${trimprefix(action, "policy:")}"].arn\n  ]',
        "  alarm_actions = concat([var.alarm_topic_arn], [\n    for action in each.value.AlarmActions :\n"
        '    aws_appautoscaling_policy.step["${each.value.role}-${trimprefix(action, "policy:")}"].arn\n  ])',
        "scaling_wakes_nobody",
        "tells people",
    ),
    Defect(
        "a composite alarm of an alarm that is not there",
        f"{REGION}/alarms.tf",
        '${aws_cloudwatch_metric_alarm.ratio["errors"].alarm_name}',
        "errors",
        "composite_names_alarms",
        "there is no errors",
    ),
]
